-- Most runs change every score. With room for it in the same page no index learns of a change.
ALTER TABLE scoring_score SET (fillfactor = 50)
