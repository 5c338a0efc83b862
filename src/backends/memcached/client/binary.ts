import { text } from './text.ts'
export const binary = text
