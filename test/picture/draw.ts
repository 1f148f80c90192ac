/** Draws what a terminal has shown as a picture that moves, in SVG. Where nothing moves it shows the end. */

import type { Line, Moment, Run } from './record.ts'

const CELL = { width: 8.4, height: 19 }
const MARGIN = 18
/** How long the end stays, in milliseconds. */
const END = 5000

const COLOURS: Readonly<Record<string, string>> = {
  '31': '#ff7b72',
  '32': '#7ee787',
  '33': '#e3b341',
  '34': '#79c0ff',
  '35': '#d2a8ff',
  '36': '#76e3ea',
  '90': '#8b949e',
}

export function draw(moments: readonly Moment[], columns: number): string {
  const rows = Math.max(...moments.map(({ lines }) => lines.length))
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN)
  const height = rows * CELL.height + 2 * MARGIN
  const length = (moments.at(-1)?.at ?? 0) + END
  const share = (at: number): string => `${((at / length) * 100).toFixed(2)}%`
  const frames = moments.map(({ at, lines }, index) => {
    const next = moments[index + 1]
    const name = next ? `f${index}` : 'end'
    // From the first moment on something is shown.
    const from = index === 0 ? 0 : at
    const shown = `${from > 0 ? `0%{visibility:hidden}${share(from)}` : '0%'}{visibility:visible}`
    const rule = `@keyframes ${name}{${shown}${next ? `${share(next.at)}{visibility:hidden}` : ''}}`
    return { name, rule, text: lines.map(drawLine).join('\n') }
  })
  const style = [
    'text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#e6edf3;white-space:pre}',
    `g{visibility:hidden;animation:${length.toFixed(0)}ms step-end infinite}`,
    '#end{visibility:visible}',
    ...frames.map(({ name, rule }) => `${rule}#${name}{animation-name:${name}}`),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>A run in a terminal</title>
<style>
${style.join('\n')}
</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${frames.map(({ name, text }) => `<g id="${name}">\n${text}\n</g>`).join('\n')}
</svg>
`
}

function drawLine(line: Line, row: number): string {
  const y = MARGIN + row * CELL.height + 14
  // Each line is as long as its characters, whatever the font.
  const cells = line.reduce((sum, { text }) => sum + [...text].length, 0)
  const size = ` textLength="${(cells * CELL.width).toFixed(1)}" lengthAdjust="spacingAndGlyphs"`
  return `<text x="${MARGIN}" y="${y}"${cells > 0 ? size : ''} xml:space="preserve">${line.map(drawRun).join('')}</text>`
}

function drawRun({ text, style }: Run): string {
  const codes = style.split(';')
  const colour = codes.map((code) => COLOURS[code] ?? '').find((found) => found !== '')
  const attributes = [
    colour && `fill="${colour}"`,
    codes.includes('1') && 'font-weight="bold"',
    codes.includes('2') && 'opacity="0.6"',
  ].filter(Boolean)
  const written = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return attributes.length === 0 ? written : `<tspan ${attributes.join(' ')}>${written}</tspan>`
}

/** The words of each frame, line by line. */
export function wordsOf(svg: string): readonly string[] {
  return [...svg.matchAll(/<g id="[^"]*">\n([\s\S]*?)\n<\/g>/g)].map(([, frame = '']) =>
    frame
      .replaceAll(/<[^>]*>/g, '')
      .replaceAll('&lt;', '<')
      .replaceAll('&amp;', '&'),
  )
}
