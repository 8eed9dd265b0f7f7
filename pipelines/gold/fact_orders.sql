-- The region is the one of the version that was true when the order was placed. A customer whose first version is younger than
-- the order (its address was corrected after it had bought) is taken as it was known first.
WITH first_known AS (
  SELECT c.customer_id AS customer_id, min_by(c.region, c.valid_from) AS region
  FROM silver.customers AS c
  GROUP BY c.customer_id
),
lines AS (
  SELECT i.order_id AS order_id, count(*) AS items, sum(i.quantity) AS quantity
  FROM silver.order_items AS i
  GROUP BY i.order_id
),
payments AS (
  SELECT p.order_id AS order_id, sum(p.captured_amount) AS captured_amount, sum(p.refunded_amount) AS refunded_amount
  FROM silver.payments AS p
  GROUP BY p.order_id
)
SELECT
  o.order_id AS order_id,
  o.customer_id AS customer_id,
  coalesce(v.region, f.region) AS customer_region,
  o.store_id AS store_id,
  o.status AS status,
  cast(o.created_at AS date) AS order_date,
  coalesce(l.items, 0) AS items,
  coalesce(l.quantity, 0) AS quantity,
  o.amount AS amount,
  CASE WHEN o.status = 'cancelled' THEN cast(0 AS decimal(12, 2)) ELSE o.amount END AS revenue,
  o.created_at AS created_at,
  o.updated_at AS updated_at,
  coalesce(m.captured_amount, 0) AS captured_amount,
  coalesce(m.refunded_amount, 0) AS refunded_amount
FROM silver.orders AS o
LEFT JOIN silver.customers AS v
  ON v.customer_id = o.customer_id AND v.valid_from <= o.created_at AND (v.valid_to IS NULL OR o.created_at < v.valid_to)
LEFT JOIN first_known AS f ON f.customer_id = o.customer_id
LEFT JOIN lines AS l ON l.order_id = o.order_id
LEFT JOIN payments AS m ON m.order_id = o.order_id
