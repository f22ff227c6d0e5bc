"""What differs between two results, and which rules, facts and versions are behind each difference."""
