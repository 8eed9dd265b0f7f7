-- One row per event of an order. A delete knows its key alone, so the key comes from the record's key there.
SELECT
  coalesce(get_json_object(e.after, '$.order_id'), get_json_object(e.key, '$.order_id')) AS order_id,
  get_json_object(e.after, '$.customer_id') AS customer_id,
  get_json_object(e.after, '$.store_id') AS store_id,
  get_json_object(e.after, '$.status') AS status,
  get_json_object(e.after, '$.amount') AS amount,
  get_json_object(e.after, '$.created_at') AS created_at,
  get_json_object(e.after, '$.updated_at') AS updated_at,
  e.op AS op,
  e.source_lsn AS source_lsn,
  e.source_partition AS source_partition,
  e.source_offset AS source_offset
FROM bronze.cdc_orders AS e
