//! The table that people read.

use crate::budgets::Budget;
use crate::operations::Operation;

/// Prints the line above the rows.
pub(crate) fn print_head() {
    println!("{:<26}{:>12}{:>12}{:>8}  for each", "operation", "counted", "budget", "used");
}

/// Prints what one operation needs and may need.
pub(crate) fn print_row(operation: &Operation, counted: f64, budget: &Budget) {
    let used = counted / budget.max * 100.0;
    let mark = if counted > budget.max { " !" } else { "  " };
    println!(
        "{:<26}{counted:>12.1}{:>12.1}{used:>6.0} %{mark}{}",
        operation.name, budget.max, operation.unit
    );
}
