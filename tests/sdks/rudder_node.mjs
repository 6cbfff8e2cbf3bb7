// 10,000 events by @rudderstack/rudder-sdk-node; arguments: write key, host, number of events.
import RudderAnalytics from '@rudderstack/rudder-sdk-node';

const [writeKey, host, count] = process.argv.slice(2);
const client = new RudderAnalytics(writeKey, { dataPlaneUrl: host, flushAt: 100, maxInternalQueueSize: 20000 });
for (let number = 0; number < Number(count); number += 1) {
  client.track({ anonymousId: `a${number % 97}`, event: 'Seen', properties: { number } });
  if (number % 100 === 99) await client.flush();
}
await client.flush();
