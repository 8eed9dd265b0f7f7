-- One row per event of a promotion. A delete knows its key alone, so the key comes from the record's key there.
SELECT
  coalesce(get_json_object(e.after, '$.promotion_id'), get_json_object(e.key, '$.promotion_id')) AS promotion_id,
  get_json_object(e.after, '$.product_id') AS product_id,
  get_json_object(e.after, '$.store_id') AS store_id,
  get_json_object(e.after, '$.week') AS week,
  get_json_object(e.after, '$.display_location') AS display_location,
  get_json_object(e.after, '$.mailer_location') AS mailer_location,
  get_json_object(e.after, '$.updated_at') AS updated_at,
  e.op AS op,
  e.source_lsn AS source_lsn,
  e.source_partition AS source_partition,
  e.source_offset AS source_offset
FROM bronze.cdc_promotions AS e
