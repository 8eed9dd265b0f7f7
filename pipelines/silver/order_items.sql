-- One row per event of an order line. A delete knows its key alone, so the key comes from the record's key there.
SELECT
  coalesce(get_json_object(e.after, '$.order_id'), get_json_object(e.key, '$.order_id')) AS order_id,
  coalesce(get_json_object(e.after, '$.line_number'), get_json_object(e.key, '$.line_number')) AS line_number,
  get_json_object(e.after, '$.product_id') AS product_id,
  get_json_object(e.after, '$.quantity') AS quantity,
  get_json_object(e.after, '$.sales_value') AS sales_value,
  get_json_object(e.after, '$.retail_disc') AS retail_disc,
  get_json_object(e.after, '$.coupon_disc') AS coupon_disc,
  get_json_object(e.after, '$.coupon_match_disc') AS coupon_match_disc,
  get_json_object(e.after, '$.updated_at') AS updated_at,
  e.op AS op,
  e.source_lsn AS source_lsn,
  e.source_partition AS source_partition,
  e.source_offset AS source_offset
FROM bronze.cdc_order_items AS e
