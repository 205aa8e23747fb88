/** All of wire 2, loaded on demand: a client of wire 1 does not need it. */
export { attemptSealed, type AnswerUse } from './attempt-sealed.js'
export { completeSealed } from './complete-sealed.js'
export type { OpenAnswer } from './read-answer.js'
export { WireSelection } from './selection.js'
