-- Receipts of customers' events whose message id, which the client chose, holds an address or a
-- number. The others say nothing, and keep what is sent again from coming back. One row touched is one
-- receipt.
DELETE FROM events_eventreceipt AS receipt
USING events_event AS event
WHERE event.customer_id = ANY(%(profile_ids)s::bigint[])
    AND receipt.source = event.source
    AND receipt.message_id = event.message_id
    AND EXISTS (
        SELECT FROM unnest(%(contacts)s::text[]) AS contact
        WHERE position(lower(contact) IN lower(receipt.message_id)) > 0
    );
