-- A session is what one user does without a pause of more than 30 minutes (1,800,000,000 microseconds). All clicks are looked at
-- each time, so a late one moves, splits or joins sessions as if it had come in time. The region is the one the customer lived in
-- when the session began; a customer who signed up during the session is taken as first known.
WITH steps AS (
  SELECT
    c.user_token,
    c.user_kind,
    c.event_id,
    c.event_time,
    c.event_type,
    CASE
      WHEN unix_micros(c.event_time)
        - unix_micros(lag(c.event_time) OVER (PARTITION BY c.user_token ORDER BY c.event_time, c.event_id)) <= 1800000000 THEN 0
      ELSE 1
    END AS opens
  FROM silver.clicks AS c
),
numbered AS (
  SELECT
    s.*,
    sum(s.opens) OVER (
      PARTITION BY s.user_token ORDER BY s.event_time, s.event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS session_number
  FROM steps AS s
),
sessions AS (
  SELECT
    n.user_token,
    min(n.user_kind) AS user_kind,
    min(n.event_time) AS started_at,
    max(n.event_time) AS ended_at,
    count(*) AS events,
    count_if(n.event_type = 'search') AS searches,
    count_if(n.event_type = 'click') AS clicks,
    count_if(n.event_type = 'view') AS views,
    count_if(n.event_type = 'add_to_cart') AS carts,
    count_if(n.event_type = 'checkout') AS checkouts,
    count_if(n.event_type = 'purchase') AS purchases
  FROM numbered AS n
  GROUP BY n.user_token, n.session_number
),
first_known AS (
  SELECT k.customer_token, k.customer_id, min_by(k.region, k.valid_from) AS region
  FROM silver.customers AS k
  GROUP BY k.customer_token, k.customer_id
)
SELECT
  s.user_token AS user_token,
  s.started_at AS started_at,
  s.ended_at AS ended_at,
  (unix_micros(s.ended_at) - unix_micros(s.started_at)) DIV 1000000 AS duration_seconds,
  s.user_kind AS user_kind,
  f.customer_id AS customer_id,
  coalesce(v.region, f.region) AS customer_region,
  s.events AS events,
  s.searches AS searches,
  s.clicks AS clicks,
  s.views AS views,
  s.carts AS carts,
  s.checkouts AS checkouts,
  s.purchases AS purchases
FROM sessions AS s
LEFT JOIN first_known AS f ON f.customer_token = s.user_token
LEFT JOIN silver.customers AS v
  ON v.customer_token = s.user_token AND v.valid_from <= s.started_at AND (v.valid_to IS NULL OR s.started_at < v.valid_to)
