-- One row per event of a product. A delete knows its key alone, so the key comes from the record's key there.
SELECT
  coalesce(get_json_object(e.after, '$.product_id'), get_json_object(e.key, '$.product_id')) AS product_id,
  get_json_object(e.after, '$.manufacturer_id') AS manufacturer_id,
  get_json_object(e.after, '$.department') AS department,
  get_json_object(e.after, '$.brand') AS brand,
  get_json_object(e.after, '$.product_category') AS product_category,
  get_json_object(e.after, '$.product_type') AS product_type,
  get_json_object(e.after, '$.package_size') AS package_size,
  get_json_object(e.after, '$.updated_at') AS updated_at,
  e.op AS op,
  e.source_lsn AS source_lsn,
  e.source_partition AS source_partition,
  e.source_offset AS source_offset
FROM bronze.cdc_products AS e
