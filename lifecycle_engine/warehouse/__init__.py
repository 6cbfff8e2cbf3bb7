"""The columnar side: tables as Ibis expressions, engines, the feature library."""
