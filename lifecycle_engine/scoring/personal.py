"""What scoring keeps of a customer.

Models hold weights and no customers; the next one is trained without whoever was erased.
"""

from lifecycle_engine.customers.privacy import personal_data
from lifecycle_engine.scoring.models import Recommendation, Score, ScoreHistory

for _model in (Score, ScoreHistory, Recommendation):
    personal_data(_model)
