/** What the screens of one thing have in common: its head, its facts, that it is not there, and the question before it is deleted. */

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { ask, Refused } from '../api.ts'
import { go, Link, useTitle } from '../route.tsx'
import { Button } from './button.tsx'
import { Complaint } from './complaint.tsx'
import { Dialog } from './dialog.tsx'
import { tried } from './toast.tsx'

interface HeadProps {
  /** The list that it is in. */
  readonly list: string
  readonly to: string
  readonly name: string | number
  readonly title: ComponentChildren
  /** Of the window. */
  readonly window: string
  /** Below the title. */
  readonly more?: ComponentChildren
  /** Its buttons. */
  readonly children: ComponentChildren
}

export function Head({ list, to, name, title, window, more, children }: HeadProps) {
  useTitle(window)
  return (
    <div class="head">
      <div class="title">
        <Crumbs list={list} to={to} name={name} />
        <h1>{title}</h1>
        {more}
      </div>
      <div class="actions">{children}</div>
    </div>
  )
}

export function Crumbs({ list, to, name }: Pick<HeadProps, 'list' | 'to' | 'name'>) {
  return (
    <p class="crumbs">
      <Link to={to}>{list}</Link> / {name}
    </p>
  )
}

/** Before it is read, or where it cannot be. */
export function Absent({ error, ...place }: Pick<HeadProps, 'list' | 'to' | 'name'> & { readonly error: unknown }) {
  useTitle(`${place.name}`)
  const isUnknown = error instanceof Refused && error.problem.status === 404
  return (
    <>
      <Crumbs {...place} />
      {error === undefined ? <p class="dim">loading…</p> : null}
      {/* Its hint is for those who use the API. */}
      <Complaint error={isUnknown ? new Error(error.message) : error} />
    </>
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
