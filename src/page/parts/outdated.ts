/** Whether the daemon has another page by now than the one that this window shows. */

/** Each build of the page has scripts with names of their own. */
export async function isOutdated(): Promise<boolean> {
  const own = document.querySelector('script[src]')?.getAttribute('src')
  const answer = await fetch('/', { cache: 'no-store' })
  return answer.ok && typeof own === 'string' && !(await answer.text()).includes(`"${own}"`)
}
