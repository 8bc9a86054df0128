"""Running the project's tests: warm where that is possible, else in a process of their own."""
