"""What every app uses: jobs, locks, named SQL, bulk transfer, API basics."""
