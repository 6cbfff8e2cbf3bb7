"""What scoring keeps of a customer.

Models hold weights and no customers; the next one is trained without whoever was erased.
"""

from lifecycle_engine.customers.privacy import personal_data, personal_text
from lifecycle_engine.scoring.backtest_models import Backtest
from lifecycle_engine.scoring.lookalike_models import Lookalike, LookalikeCustomer
from lifecycle_engine.scoring.models import Recommendation, Score, ScoreHistory
from lifecycle_engine.scoring.reason_models import ScoreReasons
from lifecycle_engine.scoring.run_models import ScoringRun

for _model in (Score, ScoreHistory, ScoreReasons, Recommendation, LookalikeCustomer):
    personal_data(_model)
personal_text(Lookalike, "error")
personal_text(ScoringRun, "error")
personal_text(Backtest, "error")
