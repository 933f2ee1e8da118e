var e=localStorage.getItem("tickgraph.theme");(e==="light"||e==="dark")&&(document.documentElement.dataset.theme=e);
