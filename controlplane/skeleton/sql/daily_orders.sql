SELECT cast(o.updated_at AS date) AS day, o.status AS status, count(*) AS orders, sum(o.amount) AS amount
FROM silver.orders AS o
GROUP BY cast(o.updated_at AS date), o.status
