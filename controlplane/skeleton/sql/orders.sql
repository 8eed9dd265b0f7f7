-- One row per event, as text: the plane casts to the contract's types, keeps the latest event of a key and honours deletes.
SELECT
  coalesce(get_json_object(e.after, '$.order_id'), get_json_object(e.key, '$.order_id')) AS order_id,
  get_json_object(e.after, '$.email') AS email,
  get_json_object(e.after, '$.status') AS status,
  get_json_object(e.after, '$.amount') AS amount,
  get_json_object(e.after, '$.updated_at') AS updated_at,
  e.op AS op,
  e.source_lsn AS source_lsn,
  e.source_offset AS source_offset
FROM bronze.order_events AS e
