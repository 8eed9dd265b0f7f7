SELECT
  c.customer_id AS customer_id,
  c.valid_from AS valid_from,
  c.valid_to AS valid_to,
  c.is_current AS is_current,
  c.region AS region,
  c.postcode AS postcode_area,
  c.birth_date AS birth_year
FROM silver.customers AS c
