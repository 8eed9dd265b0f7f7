WITH days AS (
  SELECT cast(o.created_at AS date) AS calendar_date FROM silver.orders AS o
  UNION
  SELECT cast(o.updated_at AS date) AS calendar_date FROM silver.orders AS o
)
SELECT
  d.calendar_date AS calendar_date,
  year(d.calendar_date) AS calendar_year,
  month(d.calendar_date) AS calendar_month,
  cast(date_trunc('MONTH', d.calendar_date) AS date) AS month_start,
  cast(date_trunc('WEEK', d.calendar_date) AS date) AS week_start,
  dayofweek(d.calendar_date) AS day_of_week
FROM days AS d
