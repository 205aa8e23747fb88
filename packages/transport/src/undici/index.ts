export { createUndiciFetch, type UndiciFetch, type UndiciFetchOptions } from './fetch.js'
