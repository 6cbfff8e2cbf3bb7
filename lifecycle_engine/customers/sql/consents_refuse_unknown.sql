-- Take the entries that name no customer, or one who was erased, off the stage. One row is one of them.
DELETE FROM consents_staged AS staged
WHERE NOT EXISTS (
    SELECT FROM customers_customer AS known
    WHERE known.id = staged.customer_id AND known.erased_at IS NULL
)
RETURNING position, customer_id;
