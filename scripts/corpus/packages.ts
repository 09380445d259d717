/** Documents as Debian's packages have them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** For a look that takes seconds. */
export const smallPackages: readonly string[] = ["aspell-doc", "debian-faq", "debian-policy", "libmpfr-doc"];

export const allPackages: readonly string[] = [
  ...smallPackages,
  "bash-doc",
  "debian-reference-en",
  "developers-reference",
  "gdal-data",
  "gnuplot-doc",
  "iso-codes",
  "latex-cjk-common",
  "libcfitsio-doc",
  "maint-guide",
  "maxima-doc",
  "octave-doc",
  "pari-doc",
  "postgresql-doc-15",
  "proj-data",
  "python3-seaborn",
  "python3.11-doc",
  "r-cran-dplyr",
  "r-cran-ggplot2",
  "r-cran-lme4",
  "r-cran-survival",
  "r-cran-vcd",
  "r-cran-zoo",
  "r-doc-pdf",
  "texlive-fonts-recommended-doc",
  "texlive-latex-base-doc",
  "texlive-latex-recommended-doc",
  "xfig-doc",
  "zsh-doc",
];

const timeMsMax = 600_000;

/** Unpacks them, without installing anything, into the folder, and gives where. */
export function unpackedPackages(packages: readonly string[], folder: string): string {
  const root = join(folder, "root");
  mkdirSync(root);
  said(["apt-get", "download", "-q", ...packages], folder);
  for (const archive of new Bun.Glob("*.deb").scanSync({ cwd: folder }))
    said(["dpkg-deb", "-x", archive, root], folder);
  return root;
}

/** @throws Error with what the program said when it failed */
export function said(argv: string[], cwd?: string, stdin?: string): string {
  const input = stdin === undefined ? "ignore" : Buffer.from(stdin);
  const options = { stdin: input, timeout: timeMsMax, stdout: "pipe", stderr: "pipe" } as const;
  const child = Bun.spawnSync(argv, { ...options, ...(cwd === undefined ? {} : { cwd }) });
  if (child.success) return child.stdout.toString();
  throw new Error(`"${argv.slice(0, 3).join(" ")}" failed: ${child.stderr.toString().slice(0, 2_000)}`);
}
