/** What the screens of one thing have in common: its head, its facts, and the question before it is deleted. */

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { ask } from '../api.ts'
import { go, Link } from '../route.tsx'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { tried } from './toast.tsx'

interface HeadProps {
  /** The list that it is in. */
  readonly list: string
  readonly to: string
  readonly name: string | number
  readonly title: ComponentChildren
  /** Below the title. */
  readonly more?: ComponentChildren
  /** Its buttons. */
  readonly children: ComponentChildren
}

export function Head({ list, to, name, title, more, children }: HeadProps) {
  return (
    <div class="head">
      <div>
        <p class="crumbs">
          <Link to={to}>{list}</Link> / {name}
        </p>
        <h1>{title}</h1>
        {more}
      </div>
      <div class="actions">{children}</div>
    </div>
  )
}

export type Fact = readonly [name: string, value: ComponentChildren]

export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

interface DeleteProps {
  readonly name: string
  /** Below /api. */
  readonly path: string
  readonly etag: string | undefined
  /** Where it goes afterwards. */
  readonly to: string
  readonly not: string | undefined
  /** What becomes of what. */
  readonly children: ComponentChildren
}

/** Asks first. */
export function Delete({ name, path, etag, to, not, children }: DeleteProps) {
  const [isAsking, asking] = useState(false)
  return (
    <>
      <Button kind="danger" not={not} onClick={() => asking(true)}>
        Delete
      </Button>
      {isAsking ? (
        <Dialog title={`Delete ${name}?`} onClose={() => asking(false)}>
          <p>{children}</p>
          <div class="actions">
            <Button onClick={() => asking(false)}>Keep it</Button>
            <Button
              kind="danger"
              onClick={async () => {
                if (await tried(() => ask('DELETE', path, { ifMatch: etag }))) go(to)
                else asking(false)
              }}
            >
              Delete
            </Button>
          </div>
        </Dialog>
      ) : null}
    </>
  )
}
