-- A cancelled order is counted as an order but brings neither items nor revenue.
SELECT
  f.order_date AS order_date,
  f.customer_region AS region,
  count(*) AS orders,
  count_if(f.status = 'cancelled') AS cancelled_orders,
  sum(CASE WHEN f.status = 'cancelled' THEN 0 ELSE f.items END) AS items,
  sum(f.revenue) AS revenue,
  sum(f.captured_amount) AS captured_revenue,
  sum(f.refunded_amount) AS refunded_revenue
FROM gold.fact_orders AS f
GROUP BY f.order_date, f.customer_region
