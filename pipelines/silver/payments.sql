-- One row per event of a payment; the gate keeps the last one by time and, at one time, by how far the payment has come.
WITH events AS (
  SELECT
    get_json_object(e.payload, '$.payment_id') AS payment_id,
    get_json_object(e.payload, '$.order_id') AS order_id,
    get_json_object(e.payload, '$.status') AS status,
    get_json_object(e.payload, '$.amount') AS amount,
    get_json_object(e.payload, '$.currency') AS currency,
    get_json_object(e.payload, '$.method') AS method,
    e.event_id,
    e.event_time,
    e.source_partition,
    e.source_offset
  FROM bronze.payments AS e
)
SELECT
  p.payment_id AS payment_id,
  p.order_id AS order_id,
  p.status AS status,
  CASE p.status WHEN 'authorised' THEN 1 WHEN 'captured' THEN 2 WHEN 'refunded' THEN 3 WHEN 'charged_back' THEN 4 ELSE 0 END
    AS status_rank,
  p.amount AS amount,
  CASE WHEN p.status IN ('captured', 'refunded', 'charged_back') THEN p.amount ELSE '0.00' END AS captured_amount,
  CASE WHEN p.status IN ('refunded', 'charged_back') THEN p.amount ELSE '0.00' END AS refunded_amount,
  p.currency AS currency,
  p.method AS method,
  p.event_id AS event_id,
  p.event_time AS status_at,
  p.source_partition AS source_partition,
  p.source_offset AS source_offset
FROM events AS p
