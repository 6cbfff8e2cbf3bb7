// 10,000 events by @segment/analytics-node; arguments: write key, host, number of events.
import { Analytics } from '@segment/analytics-node';

const [writeKey, host, count] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, flushAt: 100, maxRetries: 5 });
analytics.on('error', (error) => { console.error(error); process.exitCode = 1; });
for (let number = 0; number < Number(count); number += 1) {
  analytics.track({ userId: `u${number % 97}`, event: 'Seen', properties: { number } });
  if (number % 500 === 0) await analytics.flush();
}
await analytics.closeAndFlush();
