-- How many customers stand in each lifecycle stage. One row is one stage.
SELECT stage, count(*) AS customers
FROM segments_customerstage
GROUP BY stage;
