SELECT
  p.product_id AS product_id,
  p.department AS department,
  p.brand AS brand,
  p.product_category AS product_category,
  p.product_type AS product_type,
  p.package_size AS package_size,
  p.manufacturer_id AS manufacturer_id,
  p.updated_at AS updated_at
FROM silver.products AS p
