// The table of verdicts sorts, filters and searches; its rows open. Without scripts the details stand below it.
const bytes = Uint8Array.from(atob(document.getElementById("library").textContent), (c) => c.charCodeAt(0));
const url = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
const { default: DataTable } = await import(url);
URL.revokeObjectURL(url);

const table = new DataTable("#claims", {
  paging: false,
  autoWidth: false,
  order: [],
  layout: { topStart: "info", topEnd: "search", bottomStart: null, bottomEnd: null },
  language: {
    info: "_TOTAL_ rows",
    infoEmpty: "0 rows",
    infoFiltered: "of _MAX_",
    search: "Search",
    zeroRecords: "No claim is like that.",
  },
});

const details = new Map();
for (const article of document.querySelectorAll("#details > article")) details.set(article.id, article);
document.getElementById("details").remove();

function toggle(element) {
  const row = table.row(element);
  const open = !row.child.isShown();
  if (open) row.child(details.get(element.dataset.claim), "opened").show();
  else row.child.hide();
  element.querySelector("a").setAttribute("aria-expanded", String(open));
}

for (const link of document.querySelectorAll("#claims tbody a")) link.setAttribute("aria-expanded", "false");
document.querySelector("#claims tbody").addEventListener("click", (event) => {
  const element = event.target.closest("tr[data-claim]");
  if (!element || String(getSelection())) return; // text that is being copied stays selected
  event.preventDefault();
  toggle(element);
});

const filters = document.getElementById("filters");
const selects = [...filters.querySelectorAll("select")];
function filter() {
  for (const select of selects) {
    table.column(Number(select.dataset.column)).search(select.value, { exact: select.value !== "" });
  }
  table.draw();
}
filters.addEventListener("change", filter);
filters.querySelector("button").addEventListener("click", () => {
  for (const select of selects) select.value = "";
  table.search("");
  filter();
});
filters.hidden = false;
