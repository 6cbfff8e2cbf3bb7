"""Groups that scorers find by themselves: judged by stability, named, and followed over time."""
