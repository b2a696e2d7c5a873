// A page that breaks does not take the others with it.

import { Component } from "preact";
import { html } from "htm/preact";
import { Result } from "./Result.js";

export class Boundary extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render({ children }, { error }) {
    if (!error) return children;
    return html`<${Result} problem=${{ detail: `This page has broken: ${error.message}`, hint: "Reload it; what the node does is not touched by this." }} />`;
  }
}
