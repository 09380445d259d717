/** The style of the API page. Colours have a contrast of at least 4.5 : 1 in both schemes (WCAG 2.2, 1.4.3). */
export const pageStyle = `
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #525a63; --back: #fff; --panel: #f3f5f7; --line: #c9d0d8; --link: #0b57b5; --read: #1a6334; --write: #7d4700; --destroy: #a81717; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ec; --quiet: #a3adb8; --back: #15181c; --panel: #1f242a; --line: #3b434c; --link: #83b6f7; --read: #76cc8f; --write: #e3b063; --destroy: #f59a92; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; font: 1rem/1.55 system-ui, sans-serif; color: var(--text); background: var(--back); }
header { padding: 1rem 1.5rem; border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.4rem; } h1 small { color: var(--quiet); font-weight: normal; }
h2 { margin: 2rem 0 .5rem; } h3 { margin: 0 0 .25rem; font-size: 1.1rem; } h3 a { color: inherit; text-decoration: none; }
a { color: var(--link); } a:focus-visible, pre:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; } .skip:focus { left: 1rem; top: 1rem; background: var(--back); padding: .5rem; }
.columns { display: grid; grid-template-columns: 14rem minmax(0, 1fr); }
nav { padding: 0 1.5rem 2rem; border-right: 1px solid var(--line); position: sticky; top: 0; max-height: 100vh; overflow-y: auto; }
nav h2 { margin: 1rem 0 .25rem; font-size: .95rem; } nav ul { margin: 0; padding: 0; list-style: none; } nav li a { display: block; padding: .1rem 0; text-decoration: none; }
main { padding: 0 1.5rem 3rem; max-width: 60rem; }
article { margin: 1rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; } article p { margin: .25rem 0 .5rem; }
article:has(:target) { border-color: var(--link); }
code, pre { font: .9em/1.5 ui-monospace, monospace; }
pre { margin: .5rem 0; padding: .75rem; background: var(--panel); border-radius: .35rem; overflow-x: auto; }
.facts span { margin-right: .75rem; color: var(--quiet); } .facts .effect { font-weight: 600; }
.effect.read { color: var(--read); } .effect.write { color: var(--write); } .effect.destroy { color: var(--destroy); }
.errors { color: var(--quiet); font-size: .9rem; } .scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .95rem; } caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); font-weight: normal; } thead th { color: var(--quiet); }
summary { cursor: pointer; padding: .15rem 0; }
@media (max-width: 48rem) { .columns { grid-template-columns: 1fr; } nav { position: static; max-height: none; border-right: 0; border-bottom: 1px solid var(--line); } }
@media print { nav { display: none; } details::details-content { content-visibility: visible; } }
`;
