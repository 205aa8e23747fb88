/** All of wire 2, loaded on demand: a client of wire 1 does not need it. */
export { attemptSealed } from './attempt-sealed.js'
export { WireSelection } from './selection.js'
