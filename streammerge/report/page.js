"use strict";
// Sorts the tables of a page by the column that is clicked, and saves them as CSV. Without scripts the page shows as much.
const valueOf = (cell) => {
  const numbers = cell.querySelectorAll("data");
  return numbers.length === 1 && cell.classList.contains("number") ? Number(numbers[0].value) : cell.textContent.trim();
};
const amountOf = (value) => typeof value === "number" ? value : value.endsWith("%") ? parseFloat(value.replace("<", "")) : NaN;
const compare = (one, other) => {
  const difference = amountOf(one) - amountOf(other);
  return Number.isNaN(difference) ? String(one).localeCompare(String(other), "en") : difference;
};
const quoted = (value) => {
  const text = typeof value === "number" ? String(value) : value.replace(/^[=+@\t]|^-(?!-)/, "'$&"); // no formula in a spreadsheet
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const sort = (table, column, head) => {
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
  rows.sort(([one], [other]) => (up ? compare(one, other) : compare(other, one)));
  body.append(...rows.map(([, row]) => row));
};
const csvOf = (table) => {
  const heads = [...table.tHead.rows[0].cells].map((cell) => quoted(cell.textContent.trim()));
  const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => quoted(valueOf(cell))));
  return [heads, ...rows].map((row) => row.join(",")).join("\r\n") + "\r\n";
};
document.querySelectorAll(".wide > table").forEach((table, number) => {
  if (table.tBodies[0].rows.length < 3) return;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, column, head));
    head.append(button);
  });
  const save = document.createElement("button");
  save.textContent = "Save as CSV";
  save.className = "save";
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csvOf(table)], { type: "text/csv" }));
    link.download = `${document.title.split(":")[0].toLowerCase().replaceAll(" ", "-")}-${number + 1}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  table.parentElement.after(save);
});
