-- Take the entries that name no customer off the stage. One row is one of them.
DELETE FROM consents_staged AS staged
WHERE NOT EXISTS (SELECT FROM customers_customer AS known WHERE known.id = staged.customer_id)
RETURNING position, customer_id;
