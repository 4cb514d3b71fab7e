"""The report's style sheet and its one small script. Both are static and named in the page's policy by hash."""

STYLE = """
:root{color-scheme:light dark;--paper:#fdfcfa;--ink:#21201d;--soft:#6d685f;--rule:#dfdad0;--tint:#f4f1ea;
--math:#2c5f91;--code:#b4552a;--sft:#77726a;--mixed:#3f7d5b;--bad:#a8322d;--good:#3f7d5b;
--v0:#4a8464;--v1:#d7c9a8;--v2:#b9b3a6;--v3:#958e80;--v4:#cf9a5b;--v5:#a5714a;--v6:#9c4a3f;--v7:#5d3442;
--t0:#2c5f91;--t1:#7ba3c7;--t2:#b4552a;--t3:#dea077;--t4:#8b8061;--t5:#b9ad8c;--t6:#d9d4c8}
@media (prefers-color-scheme:dark){:root{--paper:#171614;--ink:#e6e2d9;--soft:#9f998d;--rule:#37342f;--tint:#201e1b;
--math:#85b4e0;--code:#e29a70;--sft:#a8a297;--mixed:#84c3a0;--bad:#e5837c;--good:#84c3a0;
--v0:#5b9a78;--v1:#8d7f5f;--v2:#6f695e;--v3:#565146;--v4:#c08b4e;--v5:#976441;--v6:#b05a4d;--v7:#8a5a6c;
--t0:#6d9fcf;--t1:#42668a;--t2:#d48758;--t3:#8f5a3c;--t4:#a79b78;--t5:#6c644c;--t6:#45413a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.55 Charter,'Bitstream Charter','Iowan Old Style',
'Source Serif Pro','Liberation Serif',Georgia,serif}
main{max-width:1060px;margin:0 auto;padding:3.2rem 1.6rem 5rem}
h1,h2,h3{font-weight:600;line-height:1.2;text-wrap:balance}
h1{font-size:2.05rem;margin:.15rem 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.32rem;margin:3.2rem 0 .5rem;padding-top:1.1rem;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:0 0 .1rem}
p{max-width:44rem;margin:.5rem 0}
.kicker,.lede,figcaption,dt,th,.key,.filters,summary .meta,footer,.note{font-family:'Inter','Helvetica Neue',Arial,
'Liberation Sans',sans-serif}
.kicker{font-size:.74rem;letter-spacing:.09em;text-transform:uppercase;color:var(--soft);margin:0}
.lede{font-size:1.02rem;margin:0 0 1.4rem;max-width:none}
.note{font-size:.79rem;color:var(--soft)}
.state{font-weight:600}.completed{color:var(--good)}.failed{color:var(--bad)}
.stopped,.interrupted{color:var(--code)}.running{color:var(--math)}
dl.facts{display:flex;flex-wrap:wrap;gap:.9rem 2.6rem;margin:1.4rem 0 0}
dt{font-size:.74rem;color:var(--soft)}
dd{margin:0;font-size:1.05rem;font-variant-numeric:tabular-nums lining-nums;overflow-wrap:anywhere}
dd.long{font-size:.88rem}dd.long{line-height:1.9}
.error{border-left:3px solid var(--bad);padding:.1rem 0 .1rem 1rem;margin:1.2rem 0}
.error pre{border:0;padding:0;background:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.94rem;font-variant-numeric:tabular-nums lining-nums}
th{font-weight:500;font-size:.74rem;color:var(--soft);text-align:right;vertical-align:bottom}
td,th{padding:.34rem 0 .34rem 1.3rem;text-align:right;white-space:nowrap}
td:first-child,thead tr:first-child th:first-child{text-align:left;padding-left:0}
.stages td:nth-child(2),.stages thead tr:first-child th:nth-child(2){text-align:left}
tbody tr:first-child td{border-top:1px solid var(--ink)}.pairs tbody tr:first-child td{border-top:0}
th.over{text-align:center;border-bottom:1px solid var(--rule)}
tbody td{border-bottom:1px solid var(--rule)}
.pairs,.narrow{width:auto;margin:.4rem 0}.pairs td{text-align:left;white-space:normal;overflow-wrap:anywhere}
.pm{color:var(--soft);font-size:.82em}
.up{color:var(--good)}.down{color:var(--bad)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:0 2.6rem;
margin-top:1.3rem}
figure{margin:0;min-width:0}
.charts figure{display:grid;grid-template-columns:minmax(0,1fr);grid-row:span 3;grid-template-rows:subgrid;
row-gap:.15rem}

.charts figure>svg{margin:.3rem 0 2rem}
figcaption{font-size:.79rem;line-height:1.45;color:var(--soft)}
.wide .scroll svg{min-width:640px}
svg{display:block;width:100%;height:auto;overflow:visible;
font-family:'Inter','Helvetica Neue',Arial,'Liberation Sans',sans-serif}
svg text{font-size:10.2px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg text.name{font-size:11.5px;fill:var(--ink)}
.wide svg text.tick,.wide svg text.said{font-size:11px}
svg text.stage.math{fill:var(--math)}svg text.stage.code{fill:var(--code)}svg text.stage.mixed{fill:var(--mixed)}
.grid{stroke:var(--rule);stroke-width:.7;fill:none}
.band{fill:none}.band.shaded{fill:var(--tint)}
.reference{stroke:var(--bad);stroke-width:1;stroke-dasharray:4 3;fill:none}
.line{fill:none;stroke:currentColor;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}
.line.second{stroke-width:1.1;opacity:.75}
.spread{fill:currentColor;opacity:.16}
path.error{stroke:currentColor;stroke-width:1.1;fill:none}
.point{fill:currentColor;stroke:currentColor;stroke-width:1.3}
.point.greedy{fill:var(--paper)}.line.greedy{stroke-dasharray:3 3;stroke-width:1;opacity:.8}
.dot{fill:currentColor}
.c-math{color:var(--math)}.c-code{color:var(--code)}.c-ink{color:var(--ink)}.c-soft{color:var(--soft)}
.c-sft{color:var(--sft)}
.target{fill:transparent}
.said{visibility:hidden;pointer-events:none}
svg .said text,svg text.said{fill:var(--ink)}
.hit:hover .said{visibility:visible}
rect.bar:hover{opacity:.82}
.v0{fill:var(--v0)}.v1{fill:var(--v1)}.v2{fill:var(--v2)}.v3{fill:var(--v3)}.v4{fill:var(--v4)}.v5{fill:var(--v5)}
.v6{fill:var(--v6)}.v7{fill:var(--v7)}
.t0{fill:var(--t0)}.t1{fill:var(--t1)}.t2{fill:var(--t2)}.t3{fill:var(--t3)}.t4{fill:var(--t4)}.t5{fill:var(--t5)}
.t6{fill:var(--t6)}
.key{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;font-size:.76rem;color:var(--soft);margin:.35rem 0 .3rem;padding:0;
list-style:none}
.key svg{display:inline-block;width:.75em;height:.75em;margin-right:.4em}
.filters{display:flex;flex-wrap:wrap;gap:.6rem 1.4rem;align-items:baseline;font-size:.84rem;color:var(--soft);
margin:1rem 0 .6rem}
select,button{font:inherit;color:var(--ink);background:var(--paper);border:1px solid var(--rule);border-radius:4px;
padding:.2rem .5rem}
button{cursor:pointer}
details{border-bottom:1px solid var(--rule)}
details.fold{border:0;margin:.6rem 0}
summary{cursor:pointer;padding:.42rem 0;display:flex;gap:1rem;align-items:baseline;list-style:none}
summary::-webkit-details-marker{display:none}
summary::before{content:'+';color:var(--soft);width:.7em;flex:none;font-family:monospace}
details[open]>summary::before{content:'−'}
summary .meta{font-size:.78rem;color:var(--soft);white-space:nowrap;font-variant-numeric:tabular-nums}
summary .first{flex:1;min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:.95rem}
.chip{font:600 .72rem/1.5 'Inter','Helvetica Neue',Arial,'Liberation Sans',sans-serif;width:5.8rem;flex:none;
color:var(--soft)}
.chip.correct{color:var(--good)}.chip.wrong{color:var(--code)}
.chip.timeout,.chip.resource,.chip.crash,.chip.infra_error{color:var(--bad)}
.sample{padding:.1rem 0 1rem 1.7rem}
.sample .note{font-size:.76rem;color:var(--soft);margin:.5rem 0 .15rem}
pre{font:.8rem/1.5 ui-monospace,'SF Mono','JetBrains Mono',Menlo,'DejaVu Sans Mono','Liberation Mono',monospace;
margin:0;
padding:.7rem .9rem;background:var(--tint);border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere;
unicode-bidi:isolate;
max-height:34rem;overflow-y:auto}
ul.choices{max-width:46rem;padding-left:1.1rem}.choices li{margin:.3rem 0}
footer{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--rule);font-size:.78rem;color:var(--soft)}
footer p{max-width:none}
[hidden]{display:none!important}
:focus-visible{outline:2px solid var(--math);outline-offset:2px}
@media (max-width:640px){body{font-size:16px}main{padding:1.8rem 1rem 3rem}h1{font-size:1.55rem}
summary{flex-wrap:wrap;gap:.1rem .8rem}summary .first{flex-basis:100%;order:3;padding-left:1.5rem}
.sample{padding-left:0}}
@media print{.filters{display:none}main{max-width:none;padding:0}details{break-inside:avoid}}
"""

SCRIPT = """
(function(){
  var list=document.getElementById('samples');if(!list)return;
  var rows=Array.prototype.slice.call(list.children),stage=document.getElementById('by-stage'),
      verdict=document.getElementById('by-verdict'),count=document.getElementById('count'),
      more=document.getElementById('more'),page=20,shown=page;
  function draw(){
    var matched=0;
    rows.forEach(function(row){
      var fits=(!stage.value||row.dataset.stage===stage.value)&&(!verdict.value||row.dataset.verdict===verdict.value);
      if(fits)matched+=1;
      row.hidden=!fits||matched>shown;
    });
    count.textContent=matched+(matched===1?' response':' responses');
    more.hidden=matched<=shown;
  }
  function again(){shown=page;draw();}
  stage.addEventListener('change',again);verdict.addEventListener('change',again);
  more.addEventListener('click',function(){shown+=page;draw();});
  document.getElementById('filters').hidden=false;draw();
})();
"""
