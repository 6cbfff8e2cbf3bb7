-- One row: how many messages of a campaign are in a state, by channel.
SELECT channel, state, COUNT(*)
FROM messaging_message
WHERE campaign = %(campaign)s
GROUP BY channel, state
