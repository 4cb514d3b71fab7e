"""What the page adds to the style sheet and script of run reports."""

from acereason.tracking.report_style import STYLE as RUN_STYLE

STYLE = (
    RUN_STYLE
    + """
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:.2rem 1rem}
.sides .note{margin:.4rem 0 .15rem;overflow-wrap:anywhere}
mark{background:#f3dfa0;color:inherit;border-radius:2px}
@media (prefers-color-scheme:dark){mark{background:#5d4b16}}
td.left,th.left{text-align:left}
td.prose,th.prose{white-space:normal;text-align:left}
td.prose{font-size:.86rem;line-height:1.35;min-width:15rem}
.bars{margin:1.1rem 0 1.4rem;font:.8rem/1.4 'Inter','Helvetica Neue',Arial,'Liberation Sans',sans-serif;
font-variant-numeric:tabular-nums}
.bars>div{display:grid;grid-template-columns:9.5rem minmax(0,1fr) 3.6rem 11rem;gap:.2rem .9rem;align-items:center;
padding:.16rem 0}
.bars svg{height:.95rem}
.bars .name,.bars .figure{text-align:right}
.bars .beside{color:var(--soft)}
h3{margin:1.6rem 0 .2rem}.charts h3{margin:0 0 .1rem}
.charts.one{grid-template-columns:minmax(0,30rem)}
p code{font-size:.84em}.chip{width:auto;min-width:5.8rem}
details.fold>summary{color:var(--soft);font-size:.9rem}
details.settings td:first-child{white-space:nowrap;vertical-align:top}
.sample table{width:auto}
.chip.kept{color:var(--good)}.chip.dropped{color:var(--code)}.chip.held{color:var(--math)}
.first b{font-weight:600;margin-right:.6em}
@media (max-width:640px){.bars>div{grid-template-columns:1fr auto auto}.bars .name{text-align:left}
.bars .beside:empty{display:none}.bars .figure:has(+.beside:empty){grid-column:2/-1}
.bars svg{grid-column:1/-1;grid-row:2;height:.6rem}.chip{width:auto}summary .meta{white-space:normal;
overflow-wrap:anywhere}td.prose{min-width:8rem}td.prose:last-child{min-width:17rem}
}
"""
)

SCRIPT = """
(function(){
  var list=document.getElementById('rows');if(!list)return;
  var rows=Array.prototype.slice.call(list.children),reason=document.getElementById('by-reason'),
      source=document.getElementById('by-source'),count=document.getElementById('count'),
      more=document.getElementById('more'),page=20,shown=page;
  function draw(){
    var matched=0;
    rows.forEach(function(row){
      var fits=(!reason.value||row.dataset.reason===reason.value)&&(!source.value||row.dataset.source===source.value);
      if(fits)matched+=1;
      row.hidden=!fits||matched>shown;
    });
    count.textContent=matched+(matched===1?' row':' rows');
    more.hidden=matched<=shown;
  }
  function again(){shown=page;draw();}
  reason.addEventListener('change',again);source.addEventListener('change',again);
  more.addEventListener('click',function(){shown+=page;draw();});
  document.getElementById('filters').hidden=false;draw();
})();
"""
