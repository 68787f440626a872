// Draws each specification of the page, and shows the exact values of the mark under the pointer. filter.js stands before.
const tooltip = document.getElementById("tooltip");

function show(handler, event, item, value) {
  if (value === null || value === undefined || value === "") {
    tooltip.hidden = true;
    return;
  }
  const list = document.createElement("dl");
  for (const [title, text] of Object.entries(value)) {
    list.append(Object.assign(document.createElement("dt"), { textContent: title }));
    list.append(Object.assign(document.createElement("dd"), { textContent: String(text) }));
  }
  tooltip.replaceChildren(list);
  tooltip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  tooltip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - width - 4))}px`;
  tooltip.style.top = `${event.clientY + 16 + height < innerHeight ? event.clientY + 16 : event.clientY - height - 12}px`;
}

const text = (id) => document.getElementById(id).textContent;

async function loadLibrary() {
  // It travels packed. An inline script runs at once when it is put in place.
  const packed = Uint8Array.from(atob(text("vega")), (letter) => letter.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const library = Object.assign(document.createElement("script"), { text: await new Response(unpacked).text() });
  document.head.append(library);
}

const places = [...document.querySelectorAll(".drawing")];
try {
  await loadLibrary();
  const options = { config: JSON.parse(text("drawing-config")), renderer: "svg", actions: false, tooltip: show };
  const views = new Map();
  const captions = new Map(places.map((place) => [place, place.closest("figure").querySelector("figcaption").textContent]));
  const drawOne = async (place, change) => {
    const spec = JSON.parse(text(place.dataset.spec));
    change?.(spec);
    place.closest("figure").querySelector("figcaption").textContent = change ? `${spec.description}.` : captions.get(place);
    views.get(place)?.finalize();
    views.set(place, await vegaEmbed(place, spec, options));
  };
  for (const place of places) {
    await drawOne(place);
  }
  if (form) {
    startFilter(async (name, change) => {
      for (const place of places.filter((one) => one.closest("article").getAttribute("aria-labelledby") === name)) {
        await drawOne(place, change);
      }
    });
  }
} catch (error) {
  // An old browser cannot unpack the library: the pictures for where no script runs say the same.
  console.warn(error);
  for (const place of places) {
    place.innerHTML = place.nextElementSibling.textContent;
  }
}
// Definitions are on paper, also where a browser prints nothing of what is folded.
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll(".meaning:not([open])")) {
    one.open = true;
    addEventListener("afterprint", () => { one.open = false; }, { once: true });
  }
});
addEventListener("scroll", () => { tooltip.hidden = true; }, { passive: true });
document.documentElement.dataset.drawn = "";
