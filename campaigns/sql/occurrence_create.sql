-- One row: the occurrence, if this statement made it. A second firing for the same moment waits
-- for the first one to commit and then gets no row.
INSERT INTO campaigns_occurrence (campaign_id, version_id, fire_at, state, audience)
VALUES (%(campaign_id)s, %(version_id)s, %(fire_at)s, 'running', 0)
ON CONFLICT (campaign_id, fire_at) DO NOTHING
RETURNING id;
