import { expect, test } from 'vitest'
import {
  CancelledError,
  describeError,
  HistoryError,
  LockedError,
  NetworkError,
  onSide,
} from '../../src/core/errors.ts'

test('an error is of the side that named it first', () => {
  const error = onSide(onSide(new NetworkError('reset'), 'source', 'hub'), 'destination', 'harbor')
  expect(describeError(error)).toBe('source hub: reset')
})

test.each([
  new CancelledError('interrupted by SIGINT', 130),
  new LockedError('taken over'),
  new HistoryError('the disk is full'),
])('what ends a run from outside is of no side: $message', (error) => {
  expect(describeError(onSide(error, 'destination', 'harbor'))).toBe(error.message)
})
