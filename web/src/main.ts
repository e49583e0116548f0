// Begins: theme before the first paint, token out of the address bar, then the app.
import "./app.css";
import { mount } from "svelte";
import { theme } from "$lib/app/theme.svelte";
import { takeTokenFromAddress } from "$lib/live/token";
import App from "./App.svelte";

theme.start();
takeTokenFromAddress();
mount(App, { target: document.getElementById("app")! });
