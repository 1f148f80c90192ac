/** What stays the same from run to run in what the program prints. */

const CHANGES: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\d(?:T|\b)/g, 'DATE '],
  [/\b\d\d:\d\d:\d\d(?:\.\d+)?Z?/g, 'CLOCK'],
  [/\b\d+(?:\.\d+)? [KMGT]?i?B\/s/g, 'RATE'],
  [/(?<![\w.])\d+(?:\.\d+)? ?(?:ms|s|min|h)\b(?: ago)?/g, 'TIME'],
  [/"(duration_ms|pid)": ?\d+/g, '"$1": N'],
  [/\bprocess \d+/g, 'process N'],
  // A run that lasts says every ten seconds how far it is.
  [/^CLOCK transfer +\d+\/\d+ +[\d.]+ \S+ of .*\n/gm, ''],
  // Which of several tasks moves the layers that they share is a matter of chance.
  [/^(CLOCK [+~] .* sha256:[0-9a-f]+) .*/gm, '$1'],
  // A report holds times.
  [/^(wrote \S+), .*/gm, '$1'],
  [/ +/g, ' '],
  [/ +$/gm, ''],
]

export function steady(text: string): string {
  const plain = CHANGES.reduce((so, [pattern, word]) => so.replaceAll(pattern, word), text)
  return inOrder(plain.trim().split('\n')).join('\n')
}

/** Tasks end in any order: lines of finished tasks that follow each other are sorted. */
function inOrder(lines: readonly string[]): readonly string[] {
  const sorted: string[] = []
  let tasks: string[] = []
  for (const line of [...lines, undefined]) {
    if (line !== undefined && /^(?:CLOCK )?[+~] /.test(line)) {
      tasks.push(line)
      continue
    }
    sorted.push(...tasks.sort())
    tasks = []
    if (line !== undefined) sorted.push(line)
  }
  return sorted
}

/** Whether the output is what is shown; a line `…` in what is shown stands for any lines. */
export function isShown(shown: string, output: string): boolean {
  const parts = steady(shown)
    .split(/^…$/m)
    .map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^]*')}$`).test(steady(output))
}
