/** Numbers and times as people read them. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

export function bytes(count: number): string {
  let value = count
  let unit = 0
  for (; value >= 1024 && unit < UNITS.length - 1; unit += 1) value /= 1024
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** `40 ms`, `3.0 s`, `2 min 5 s`, `1 h 20 min`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (milliseconds < 100) return `${Math.max(0, Math.round(milliseconds))} ms`
  if (milliseconds < 10_000) return `${(milliseconds / 1000).toFixed(1)} s`
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}

/** `5 min ago`, `in 2 h`. */
export function relative(time: string, now: number): string {
  const away = Date.parse(time) - now
  const text = rough(Math.abs(away))
  return away > 0 ? `in ${text}` : `${text} ago`
}

function rough(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}

/** Made once: to make one takes longer than all that it formats on a screen. */
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

export function clock(time: string): string {
  const at = Date.parse(time)
  return Number.isNaN(at) ? time : DAY_AND_TIME.format(at)
}

/** Of a time as the API has it, or of milliseconds since 1970. */
export function timeOfDay(time: string | number): string {
  return TIME.format(typeof time === 'number' ? time : Date.parse(time))
}

/** `in_progress` is `in progress`. */
export function words(status: string): string {
  return status.replaceAll('_', ' ')
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
