-- One row per event of a customer. A delete knows its key alone, so the key comes from the record's key there.
SELECT
  coalesce(get_json_object(e.after, '$.customer_id'), get_json_object(e.key, '$.customer_id')) AS customer_id,
  coalesce(get_json_object(e.after, '$.customer_id'), get_json_object(e.key, '$.customer_id')) AS customer_token,
  get_json_object(e.after, '$.full_name') AS full_name,
  get_json_object(e.after, '$.email') AS email,
  get_json_object(e.after, '$.phone') AS phone,
  get_json_object(e.after, '$.birth_date') AS birth_date,
  get_json_object(e.after, '$.street') AS street,
  get_json_object(e.after, '$.postcode') AS postcode,
  get_json_object(e.after, '$.region') AS region,
  get_json_object(e.after, '$.created_at') AS created_at,
  get_json_object(e.after, '$.updated_at') AS updated_at,
  e.source_ts AS source_ts,
  e.op AS op,
  e.source_lsn AS source_lsn,
  e.source_partition AS source_partition,
  e.source_offset AS source_offset
FROM bronze.cdc_customers AS e
