/** What a list is called, with what can be done there. */

import type { ComponentChildren } from 'preact'
import { useTitle } from '../route.tsx'

export function Heading({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  useTitle(title)
  return (
    <div class="head">
      <h1>{title}</h1>
      {children}
    </div>
  )
}
