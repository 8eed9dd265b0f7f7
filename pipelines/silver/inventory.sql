-- One row per event of a stock. A delete knows its key alone, so the key comes from the record's key there.
SELECT
  coalesce(get_json_object(e.after, '$.warehouse_id'), get_json_object(e.key, '$.warehouse_id')) AS warehouse_id,
  coalesce(get_json_object(e.after, '$.product_id'), get_json_object(e.key, '$.product_id')) AS product_id,
  get_json_object(e.after, '$.quantity') AS quantity,
  get_json_object(e.after, '$.updated_at') AS updated_at,
  e.op AS op,
  e.source_lsn AS source_lsn,
  e.source_partition AS source_partition,
  e.source_offset AS source_offset
FROM bronze.cdc_inventory AS e
