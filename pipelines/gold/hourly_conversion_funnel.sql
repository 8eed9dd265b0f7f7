-- A session counts in the hour (UTC) it began, at every stage it reached.
SELECT
  date_trunc('HOUR', s.started_at) AS hour_start,
  count(*) AS sessions,
  count_if(s.user_kind = 'customer') AS customer_sessions,
  count_if(s.searches > 0) AS searched,
  count_if(s.views > 0) AS viewed,
  count_if(s.carts > 0) AS added_to_cart,
  count_if(s.checkouts > 0) AS checked_out,
  count_if(s.purchases > 0) AS purchased,
  sum(s.purchases) AS purchases,
  cast(count_if(s.purchases > 0) AS double) / cast(nullif(count(*), 0) AS double) AS conversion_rate
FROM silver.sessions AS s
GROUP BY date_trunc('HOUR', s.started_at)
