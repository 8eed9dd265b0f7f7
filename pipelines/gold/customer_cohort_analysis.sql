-- A cohort is everybody whose first order fell into the same week (Monday to Sunday, UTC) and who lives in the same region now.
-- A customer who has left is in no region any more.
WITH firsts AS (
  SELECT f.customer_id AS customer_id, cast(date_trunc('WEEK', min(f.order_date)) AS date) AS cohort_week
  FROM gold.fact_orders AS f
  GROUP BY f.customer_id
),
placed AS (
  SELECT
    s.cohort_week AS cohort_week,
    coalesce(c.region, 'left') AS region,
    datediff(cast(date_trunc('WEEK', f.order_date) AS date), s.cohort_week) div 7 AS weeks_since,
    f.customer_id AS customer_id,
    f.revenue AS revenue
  FROM gold.fact_orders AS f
  JOIN firsts AS s ON s.customer_id = f.customer_id
  LEFT JOIN gold.dim_customer AS c ON c.customer_id = f.customer_id AND c.is_current
)
SELECT
  p.cohort_week AS cohort_week,
  p.region AS region,
  p.weeks_since AS weeks_since,
  count(DISTINCT p.customer_id) AS customers,
  count(*) AS orders,
  sum(p.revenue) AS revenue
FROM placed AS p
GROUP BY p.cohort_week, p.region, p.weeks_since
